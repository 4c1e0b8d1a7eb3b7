// Calls Tact by a client whose types are generated: npx openapi-typescript openapi.json -o tact.ts, then node fetch.js URL.
import createClient from "openapi-fetch";
import type { paths } from "./tact.js";

const tact = createClient<paths>({ baseUrl: process.argv[2] ?? "http://127.0.0.1:8080" });

const { data, error } = await tact.POST("/v1/decide", {
  params: { header: { "Idempotency-Key": "fetch-1" } },
  body: {
    customer: { id: "wang-wei" },
    context: {
      profile: { consents: ["wechat"], attributes: { first_name: "Wang Wei", wechat_openid: "openid-2", age: 31 } },
      location: { country: "CN", city: "Harbin" },
      weather: { temperature_c: 3, humidity_pct: 30 },
    },
    now: "2026-03-10T02:00:00Z",
  },
});
console.log(data?.outcome, data?.offers?.map((offer) => offer.campaign).join(), error);

const refused = await tact.POST("/v1/decide", { body: { customer: { id: "" } } });
console.log(refused.error?.code, refused.error?.errors?.map((wrong) => wrong.field).join());
