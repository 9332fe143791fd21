// The image tool of Responses with the official Node SDK: `node node_responses.mjs BASE_URL KEY`. Prints as JSON what it got.
import { createHash } from "node:crypto";
import OpenAI from "openai";

const [baseURL, apiKey] = process.argv.slice(2);
const tool = { type: "image_generation", size: "1024x1024", quality: "low", partial_images: 1 };
const wish = { model: "gpt-5.5", input: "An owl reading by lamplight", tools: [tool] };
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });

const images = (response) =>
  response.output
    .filter((item) => item.type === "image_generation_call")
    .map((item) => createHash("sha256").update(Buffer.from(item.result, "base64")).digest("hex"));

const whole = await client.responses.create(wish).withResponse();
const stream = client.responses.stream(wish);
const types = [];
for await (const event of stream) types.push(event.type);
const final = await stream.finalResponse();

console.log(
  JSON.stringify({
    whole: { images: images(whole.data), text: whole.data.output_text, member: whole.data.gateway },
    contract: whole.response.headers.get("x-gateway-contract"),
    stream: { images: images(final), text: final.output_text, member: final.gateway },
    types,
  }),
);
