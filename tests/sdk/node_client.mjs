// An application with the official Node SDK: `node node_client.mjs BASE_URL KEY`. Prints as JSON what it got.
import { createHash } from "node:crypto";
import OpenAI from "openai";

const [baseURL, apiKey] = process.argv.slice(2);
const wish = { model: "gpt-image-2", prompt: "An owl reading by lamplight", size: "1024x1024", quality: "low" };
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });

async function described(changes = {}) {
  const { data, response, request_id } = await client.images.generate({ ...wish, ...changes }).withResponse();
  return {
    images: data.data.map((image) => createHash("sha256").update(Buffer.from(image.b64_json, "base64")).digest("hex")),
    size: data.size,
    usage_total: data.usage.total_tokens,
    member: data.gateway,
    headers: Object.fromEntries(response.headers),
    request_id,
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
    sync: await described(),
    several: await described({ n: 2, output_format: "webp" }),
    models,
    model: (await client.models.retrieve("gpt-image-2")).id,
    bad_n: await errorOf(client, { n: 11 }),
    bad_size: await errorOf(client, { size: "100x100" }),
    bad_model: await errorOf(client, { model: "gpt-image-9" }),
    bad_key: await errorOf(new OpenAI({ baseURL, apiKey: "igw_wrong_not_a_secret", maxRetries: 0 }), {}),
  }),
);
