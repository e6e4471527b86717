// What the official Node clients make of the gateway: one JSON object of results on standard output.
//   node clients.mjs NODE_FOLDER GATEWAY_URL KEY
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [folder, url, key] = process.argv.slice(2);
const require = createRequire(pathToFileURL(path.join(folder, "package.json")));
const { OpenAI } = require("openai");
const Anthropic = require("@anthropic-ai/sdk").default ?? require("@anthropic-ai/sdk");

const openai = new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries: 0 });
const anthropic = new Anthropic({ apiKey: key, baseURL: url, maxRetries: 0 });
const messages = [{ role: "user", content: "hello" }];
const parameters = { type: "object", properties: { city: { type: "string" }, days: { type: "integer" } } };
const tools = [{ type: "function", function: { name: "weather", parameters } }];
const results = {};

async function attempt(name, work) {
  try {
    results[name] = await work();
  } catch (error) {
    results[name] = { error: error.constructor.name, status: error.status ?? null, message: String(error.message).slice(0, 200) };
  }
}

async function streamed(model, more = {}) {
  const stream = await openai.chat.completions.create({ model, messages, stream: true, ...more });
  let text = "", finish = null, usage = null;
  const calls = [];
  for await (const chunk of stream) {
    usage = chunk.usage ?? usage;
    for (const choice of chunk.choices) {
      text += choice.delta.content ?? "";
      finish = choice.finish_reason ?? finish;
      for (const part of choice.delta.tool_calls ?? []) {
        calls[part.index] ??= { id: part.id, name: part.function.name, arguments: "" };
        calls[part.index].arguments += part.function.arguments ?? "";
      }
    }
  }
  return { text, finish, usage: usage && usage.total_tokens, calls };
}

for (const [where, model] of [["same", "gpt"], ["across", "anthropic/claude"]]) {
  await attempt(`openai.${where}.plain`, async () => {
    const said = await openai.chat.completions.create({ model, messages });
    return { text: said.choices[0].message.content, finish: said.choices[0].finish_reason, usage: said.usage.total_tokens };
  });
  await attempt(`openai.${where}.streamed`, () => streamed(model, { stream_options: { include_usage: true } }));
  await attempt(`openai.${where}.tools`, () => streamed(`${model}-tools`, { tools }));
  await attempt(`openai.${where}.broken`, () => streamed(`${model}-broken`));
  await attempt(`openai.${where}.limited`, () => streamed(`${model}-limited`));
}
await attempt("openai.responses.plain", async () => ({ text: (await openai.responses.create({ model: "gpt", input: "hello" })).output_text }));
await attempt("openai.responses.streamed", async () => {
  let text = "", last = null;
  for await (const event of await openai.responses.create({ model: "gpt", input: "hello", stream: true })) {
    if (event.type === "response.output_text.delta") text += event.delta;
    last = event.type;
  }
  return { text, last };
});
await attempt("openai.responses.across", async () => ({ text: (await openai.responses.create({ model: "anthropic/claude", input: "hello" })).output_text }));
await attempt("openai.embeddings", async () => ({ first: (await openai.embeddings.create({ model: "e", input: "x", encoding_format: "float" })).data[0].embedding }));
await attempt("openai.models", async () => ({ ids: (await openai.models.list()).data.map((one) => one.id) }));

for (const [where, model] of [["same", "anthropic/claude"], ["across", "gpt"]]) {
  await attempt(`anthropic.${where}.plain`, async () => {
    const said = await anthropic.messages.create({ model, max_tokens: 64, messages });
    return { text: said.content[0].text, finish: said.stop_reason, usage: said.usage.output_tokens };
  });
  for (const kind of ["", "-tools", "-broken", "-limited"]) {
    await attempt(`anthropic.${where}.streamed${kind}`, async () => {
      const more = kind === "-tools" ? { tools: [{ name: "weather", input_schema: parameters }] } : {};
      const said = await anthropic.messages.stream({ model: model + kind, max_tokens: 64, messages, ...more }).finalMessage();
      return { content: said.content.map(({ type, text, name, input }) => ({ type, text, name, input })), finish: said.stop_reason };
    });
  }
}
await attempt("anthropic.count", async () => ({ tokens: (await anthropic.messages.countTokens({ model: "anthropic/claude", messages })).input_tokens }));
console.log(JSON.stringify(results));
