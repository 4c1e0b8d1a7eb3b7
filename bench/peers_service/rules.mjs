// What the services on Node share: rules from a file, caps, a choice, its content, and the log.
import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import Database from "better-sqlite3";

export function readRules(file) {
  return JSON.parse(readFileSync(file, "utf8"));
}

// The best campaign on the first of its channels that consent, address and caps allow.
function choose(rules, customer, matching, contacts, now) {
  if (matching.length === 0) return { outcome: "nothing" };
  const counted = contacts.filter(
    (contact) => contact.at > now - rules.window_seconds && contact.expires_at > now,
  );
  const allows = (name) => {
    const channel = rules.channels[name];
    return (
      customer.consents.includes(channel.consent) &&
      Boolean(customer.attributes[channel.address]) &&
      rules.caps.every(
        (cap) =>
          (cap.channel !== "" && cap.channel !== name) ||
          counted.filter((contact) => cap.channel === "" || contact.channel === cap.channel).length < cap.limit,
      )
    );
  };
  const allowed = new Set(Object.keys(rules.channels).filter(allows));
  for (const campaign of [...matching].sort((left, right) => right.value - left.value)) {
    const channel = campaign.channels.find((name) => allowed.has(name));
    if (channel !== undefined) return { outcome: "offer", campaign, channel };
  }
  return { outcome: "blocked" };
}

function offerOf(chosen, customer) {
  const { campaign, channel } = chosen;
  const drawn = createHash("sha256").update(`${campaign.name}/${customer.name}`).digest().readUInt32BE(0);
  const variant = campaign.variants[drawn % campaign.variants.length];
  const values = {
    "profile.first_name": customer.attributes.first_name,
    "weather.temperature_c": customer.temperature,
    "location.city": customer.city,
  };
  const fill = (text) => text.replace(/\{([a-z_.]+)\|([^}]*)\}/g, (_, name, other) => values[name] ?? other);
  const content = Object.fromEntries(Object.entries(variant.content).map(([field, text]) => [field, fill(text)]));
  return { campaign: campaign.name, offer: campaign.offer, variant: variant.name, channel, content };
}

// Decides in one transaction for each request, which is synced to disk before the answer is given.
export function openLog(rules, file) {
  const database = new Database(file);
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = FULL");
  database.exec(`
    CREATE TABLE IF NOT EXISTS decisions (
      decision_id TEXT PRIMARY KEY, request_id TEXT NOT NULL UNIQUE, person TEXT NOT NULL, at REAL NOT NULL,
      outcome TEXT NOT NULL, campaign TEXT NOT NULL, inputs TEXT NOT NULL, answer TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS contacts (
      decision_id TEXT PRIMARY KEY, person TEXT NOT NULL, channel TEXT NOT NULL, at REAL NOT NULL, expires_at REAL NOT NULL);
    CREATE INDEX IF NOT EXISTS contacts_by_person ON contacts (person, at);`);
  const past = database.prepare("SELECT answer FROM decisions WHERE request_id = ?");
  const made = database.prepare("SELECT channel, at, expires_at FROM contacts WHERE person = ? AND at > ?");
  const addDecision = database.prepare("INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  const addContact = database.prepare("INSERT INTO contacts VALUES (?, ?, ?, ?, ?)");
  const decide = database.transaction((requestId, customer, matching, inputs) => {
    const earlier = past.get(requestId);
    if (earlier !== undefined) return JSON.parse(earlier.answer);
    const now = Date.now() / 1000;
    const contacts = made.all(customer.name, now - rules.window_seconds);
    const chosen = choose(rules, customer, matching, contacts, now);
    const answer = { decision_id: randomUUID(), request_id: requestId, outcome: chosen.outcome, offers: [] };
    if (chosen.outcome === "offer") {
      answer.offers.push(offerOf(chosen, customer));
      addContact.run(answer.decision_id, customer.name, chosen.channel, now, now + rules.hold_seconds);
    }
    const campaign = answer.offers[0]?.campaign ?? "";
    const written = [JSON.stringify(inputs), JSON.stringify(answer)];
    addDecision.run(answer.decision_id, requestId, customer.name, now, chosen.outcome, campaign, ...written);
    return answer;
  });
  return decide.immediate;
}
