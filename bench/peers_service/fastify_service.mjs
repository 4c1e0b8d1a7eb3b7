// fastify, json-rules-engine and better-sqlite3: node fastify_service.mjs RULES LOG
import Fastify from "fastify";
import { Engine } from "json-rules-engine";
import { openLog, readRules } from "./rules.mjs";

const [file, log] = process.argv.slice(2);
const rules = readRules(file);
const engine = new Engine([], { allowUndefinedFacts: true });
for (const campaign of rules.campaigns) {
  engine.addRule({
    conditions: {
      all: [
        { fact: "city", operator: "equal", value: campaign.city },
        { fact: "temperature", operator: "greaterThanInclusive", value: campaign.temperature },
        { fact: "segment", operator: "equal", value: campaign.segment },
      ],
    },
    event: { type: "campaign", params: { campaign } },
  });
}
const decide = openLog(rules, log);
const app = Fastify();

app.post("/v1/decide", async (request) => {
  const { request_id: requestId, customer: { id }, context } = request.body;
  const { consents, attributes } = context.profile;
  const customer = {
    name: id, attributes, consents, city: context.location.city, temperature: context.weather.temperature_c,
  };
  const facts = { city: customer.city, temperature: customer.temperature, segment: attributes.segment };
  const { events } = await engine.run(facts);
  return decide(requestId, customer, events.map((event) => event.params.campaign), context);
});

console.log(`listening on ${await app.listen({ port: 0, host: "127.0.0.1" })}`);
process.on("SIGTERM", () => process.exit(0));
