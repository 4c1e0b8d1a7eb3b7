// Calls Tact by Connect: node connect.mjs URL DESCRIPTORS, where `buf build protos --output descriptors.binpb` made the latter.
import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";

const [url, descriptors] = process.argv.slice(2);
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)));
const Decisions = registry.getService("tact.v1.Decisions");
const BadRequest = registry.getMessage("google.rpc.BadRequest");

const text = (value) => ({ kind: { case: "text", value } });
const request = {
  customer: { id: "li-na" },
  context: {
    profile: {
      consents: ["wechat"],
      attributes: { first_name: text("Li Na"), wechat_openid: text("openid-1") },
    },
    location: { country: "CN", city: "Harbin" },
    weather: { temperatureC: 3, humidityPct: 30 },
  },
  now: { seconds: 1773108000n, nanos: 0 },
};

for (const useBinaryFormat of [true, false]) {
  const transport = createConnectTransport({ baseUrl: url, httpVersion: "1.1", useBinaryFormat });
  const client = createClient(Decisions, transport);
  const requestId = `connect-${useBinaryFormat ? "protobuf" : "json"}`;
  const answer = await client.decide({ ...request, requestId }, { timeoutMs: 5000 });
  console.log(requestId, answer.outcome, answer.offers.map((offer) => offer.campaign).join());
  try {
    await client.decide({ customer: {} });
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    const [wrong] = error.findDetails(BadRequest);
    console.log(Code[error.code], wrong.fieldViolations.map((violation) => violation.field).join());
  }
}
