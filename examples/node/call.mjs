// Calls Tact from Node: node call.mjs HOST:PORT PROTOS, where PROTOS is the project's folder protos/.
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

const [target, protos] = process.argv.slice(2);
const definition = protoLoader.loadSync(
  ["engine/api/v1/decisions.proto", "grpc/health/v1/health.proto", "google/rpc/error_details.proto"],
  { includeDirs: [protos], keepCase: true, longs: String, enums: String, defaults: true, oneofs: true },
);
const packages = grpc.loadPackageDefinition(definition);
const credentials = grpc.credentials.createInsecure(); // createSsl(ca) for a server with TLS
const metadata = new grpc.Metadata(); // metadata.set("authorization", "Bearer tact_…") for a server with callers
const decisions = new packages.tact.v1.Decisions(target, credentials);
const health = new packages.grpc.health.v1.Health(target, credentials);

function call(client, method, request) {
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + 10_000 };
    client[method](request, metadata, options, (error, response) => (error ? reject(error) : resolve(response)));
  });
}

function timestamp(date) {
  const seconds = Math.floor(date.getTime() / 1000);
  return { seconds, nanos: (date.getTime() - seconds * 1000) * 1e6 };
}

console.log((await call(health, "Check", { service: "" })).status);

const now = timestamp(new Date("2026-03-10T02:00:00Z"));
const answer = await call(decisions, "Decide", {
  request_id: "node-1",
  customer: { id: "li-na" },
  context: {
    profile: {
      consents: ["wechat"],
      attributes: { first_name: { text: "Li Na" }, wechat_openid: { text: "openid-1" } },
    },
    location: { country: "CN", city: "Harbin" },
    weather: { temperature_c: 3, humidity_pct: 30 },
  },
  now,
});
console.log(answer.outcome, answer.offers[0].campaign, answer.offers[0].channel);

const recorded = await call(decisions, "Record", {
  events: [
    { event_id: "node-1-delivered", decision_id: answer.decision_id, event: { type: "delivered", at: now } },
    { event_id: "node-1-opened", decision_id: answer.decision_id, event: { type: "opend", at: now } },
  ],
  now,
});
for (const item of recorded.results) {
  console.log(item.event_id, item.result, item.error ? item.error.message : "");
}

try {
  await call(decisions, "Decide", { customer: { id: "" } });
} catch (error) {
  console.log(grpc.status[error.code], error.details);
}

decisions.close();
health.close();
