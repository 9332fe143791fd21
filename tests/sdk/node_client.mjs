// An application with the official Node SDK: `node node_client.mjs BASE_URL KEY MASK_FILE`. Prints as JSON what it got.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import OpenAI, { toFile } from "openai";

const [baseURL, apiKey, maskFile] = process.argv.slice(2);
const wish = { model: "gpt-image-2", prompt: "An owl reading by lamplight", size: "1024x1024", quality: "low" };
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });

const digest = (b64_json) => createHash("sha256").update(Buffer.from(b64_json, "base64")).digest("hex");

async function described(asked) {
  const { data, response, request_id } = await asked.withResponse();
  return {
    images: data.data.map((image) => digest(image.b64_json)),
    size: data.size,
    usage_total: data.usage.total_tokens,
    member: data.gateway,
    headers: Object.fromEntries(response.headers),
    request_id,
  };
}

async function streamed(asked) {
  const { data, response } = await asked.withResponse();
  const events = [];
  for await (const event of data) events.push(event);
  const final = events.at(-1);
  return {
    types: events.map((event) => event.type),
    image: digest(final.b64_json),
    usage_total: events.reduce((total, event) => total + (event.usage?.total_tokens ?? 0), 0),
    member: final.gateway,
    headers: Object.fromEntries(response.headers),
  };
}

async function edits() {
  const made = (await client.images.generate({ ...wish, n: 2 })).data.map((image) => Buffer.from(image.b64_json, "base64"));
  const file = (index, name) => toFile(made[index], name, { type: "image/png" });
  const [one, first, second] = await Promise.all([file(0, "owl.png"), file(0, "a.png"), file(1, "b.png")]);
  const mask = createReadStream(maskFile);
  return {
    sent: made.map((image) => createHash("sha256").update(image).digest("hex")),
    one: await described(client.images.edit({ ...wish, image: one, mask })),
    several: await described(client.images.edit({ ...wish, image: [first, second] })),
    stream: await streamed(client.images.edit({ ...wish, image: second, stream: true, partial_images: 1 })),
  };
}

async function errorOf(used, changes) {
  try {
    await used.images.generate({ ...wish, ...changes });
  } catch (error) {
    return {
      class: error.constructor.name,
      status: error.status,
      code: error.code,
      param: error.param,
      message: error.message,
      owner: error.headers.get("x-gateway-owner"),
    };
  }
  return {};
}

const models = [];
for await (const model of client.models.list()) models.push(model.id);

console.log(
  JSON.stringify({
    sync: await described(client.images.generate(wish)),
    several: await described(client.images.generate({ ...wish, n: 2, output_format: "webp" })),
    stream: await streamed(client.images.generate({ ...wish, stream: true, partial_images: 2 })),
    stream_of_two: await streamed(client.images.generate({ ...wish, n: 2, stream: true })),
    edits: await edits(),
    models,
    model: (await client.models.retrieve("gpt-image-2")).id,
    bad_n: await errorOf(client, { n: 11 }),
    bad_stream: await errorOf(client, { stream: true, size: "100x100" }),
    bad_size: await errorOf(client, { size: "100x100" }),
    bad_model: await errorOf(client, { model: "gpt-image-9" }),
    bad_key: await errorOf(new OpenAI({ baseURL, apiKey: "igw_wrong_not_a_secret", maxRetries: 0 }), {}),
  }),
);
