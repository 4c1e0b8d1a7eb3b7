// gRPC on Node, rules written by hand in a loop, better-sqlite3: node grpc_service.mjs RULES LOG PROTOS
import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { openLog, readRules } from "./rules.mjs";

const [file, log, protos] = process.argv.slice(2);
const rules = readRules(file);
const decide = openLog(rules, log);
const options = { keepCase: true, longs: Number, enums: String, oneofs: true, includeDirs: [protos] };
const { tact } = grpc.loadPackageDefinition(loadSync("engine/api/v1/decisions.proto", options));

function valueOf(value) {
  return value.kind === "texts" ? value.texts.values : value[value.kind];
}

function Decide(call, callback) {
  const { request_id: requestId, customer: { id }, context } = call.request;
  const sent = Object.entries(context.profile.attributes ?? {});
  const attributes = Object.fromEntries(sent.map(([name, value]) => [name, valueOf(value)]));
  const city = context.location?.city;
  const temperature = context.weather?.temperature_c;
  const consents = context.profile.consents ?? [];
  const matching = rules.campaigns.filter(
    (campaign) =>
      campaign.city === city && temperature >= campaign.temperature && campaign.segment === attributes.segment,
  );
  const answer = decide(requestId, { name: id, attributes, consents, city, temperature }, matching, context);
  callback(null, { ...answer, outcome: `OUTCOME_${answer.outcome.toUpperCase()}` });
}

const server = new grpc.Server();
server.addService(tact.v1.Decisions.service, { Decide });
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(`listening on 127.0.0.1:${port}`);
});
process.on("SIGTERM", () => process.exit(0));
