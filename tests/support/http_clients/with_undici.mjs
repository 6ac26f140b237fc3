// Node's fetch is undici.
import { readFileSync } from "node:fs";

for (const line of readFileSync(process.argv[2], "utf8").trimEnd().split("\n")) {
  const [url, mode, file, ...fields] = line.split("\t");
  const bytes = readFileSync(file);
  const stream = () =>
    new ReadableStream({
      start(controller) {
        for (let at = 0; at < bytes.length; at += 16384) controller.enqueue(bytes.subarray(at, at + 16384));
        controller.close();
      },
    });
  const answer = await fetch(url, {
    method: "POST",
    headers: Object.fromEntries(fields.map((field) => field.split(": "))),
    body: mode === "chunked" ? stream() : bytes,
    duplex: "half",
  });
  await answer.arrayBuffer();
  console.log(answer.status);
}
