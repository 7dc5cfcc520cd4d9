// Commands of the JavaScript client of the e2e tests: s3.cjs ENDPOINT COMMAND ARGS, default settings throughout.
// NODE_PATH names the folder of the SDK's modules.
"use strict";
const assert = require("node:assert/strict");
const crypto = require("node:crypto");
const fs = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const { Readable } = require("node:stream");
const { pipeline } = require("node:stream/promises");
const s3 = require("@aws-sdk/client-s3");
const { Upload } = require("@aws-sdk/lib-storage");
const { getSignedUrl } = require("@aws-sdk/s3-request-presigner");

const endpoint = process.argv[2];
const client = new s3.S3Client({ endpoint });

// chunks is a stream that nobody can rewind, in pieces of odd sizes.
function chunks(body) {
  return Readable.from((function* () {
    for (let i = 0, n = 1; i < body.length; i += n, n = Math.min(2 * n + 1, 100_003)) yield body.subarray(i, i + n);
  })(), { objectMode: false });
}

async function read(Bucket, Key) {
  const o = await client.send(new s3.GetObjectCommand({ Bucket, Key }));
  const all = [];
  for await (const piece of o.Body) all.push(piece);
  return Buffer.concat(all);
}

// put stores the body and compares what comes back.
async function put(Bucket, Key, body, more) {
  await client.send(new s3.PutObjectCommand({ Bucket, Key, Body: body, ...more }));
  const got = await read(Bucket, Key);
  const want = more.whole ?? body;
  assert.ok(got.equals(want), `${Key}: ${got.length} bytes came back, not the ${want.length} that were stored`);
}

// fetchURL makes one request without credentials.
function fetchURL(method, url, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const req = (url.startsWith("https:") ? https : http).request(url, { method, headers, agent: false }, (resp) => {
      const all = [];
      resp.on("data", (piece) => all.push(piece));
      resp.on("end", () => resolve({ status: resp.statusCode, body: Buffer.concat(all).toString() }));
      resp.on("error", reject);
    });
    req.on("error", reject);
    req.end(body);
  });
}

async function rejected(name, status, promise) {
  await assert.rejects(promise, (e) => {
    assert.equal(e.name, name);
    assert.equal(e.$metadata.httpStatusCode, status);
    return true;
  });
}

const commands = {
  async make_bucket(Bucket) {
    await client.send(new s3.CreateBucketCommand({ Bucket }));
  },

  async upload(file, Bucket, Key) {
    await new Upload({ client, params: { Bucket, Key, Body: fs.createReadStream(file) } }).done();
  },

  async download(Bucket, Key, file) {
    const o = await client.send(new s3.GetObjectCommand({ Bucket, Key }));
    await pipeline(o.Body, fs.createWriteStream(file));
  },

  async list(Bucket) {
    for await (const page of s3.paginateListObjectsV2({ client }, { Bucket })) {
      for (const o of page.Contents ?? []) console.log(o.Key);
    }
  },

  // bodies stores buffers, strings and streams around the borders of the ways of keeping and sending.
  async bodies(Bucket) {
    for (const n of [0, 1, 16 << 10, (16 << 10) + 1, (64 << 10) + 1, (3 << 20) + 11]) {
      const body = crypto.createHash("shake256", { outputLength: n || 1 }).update(String(n)).digest().subarray(0, n);
      await put(Bucket, `buffer ${n}`, body, {});
      const head = await client.send(new s3.HeadObjectCommand({ Bucket, Key: `buffer ${n}`, ChecksumMode: "ENABLED" }));
      assert.equal(head.ContentLength, n);
      assert.ok(head.ChecksumCRC32, "no checksum by default");
      await put(Bucket, `stream ${n}`, chunks(body), { whole: body, ContentLength: n });
      for (const ChecksumAlgorithm of ["CRC32C", "SHA1", "SHA256"]) {
        await put(Bucket, `${ChecksumAlgorithm} ${n}`, body, { ChecksumAlgorithm });
      }
      const file = `${process.env.HOME}/body`;
      fs.writeFileSync(file, body);
      await put(Bucket, `file ${n}`, fs.createReadStream(file), { whole: body });
    }
    await put(Bucket, "Ünïcode/日本語 🎈+%20", "text", { whole: Buffer.from("text") });
  },

  // unsized stores streams of which nobody says the length.
  async unsized(Bucket) {
    const body = Buffer.alloc(200_001, "unsized ");
    try {
      await put(Bucket, "unsized", chunks(body), { whole: body });
      console.log("stored");
    } catch (e) {
      console.log(e.name, e.$metadata?.httpStatusCode, e.message);
    }
  },

  // parts uploads a stream of 20 MiB and a bit in parts, and reads it whole and in part.
  async parts(Bucket) {
    const body = crypto.createHash("shake256", { outputLength: (20 << 20) + 7 }).update("parts").digest();
    const done = await new Upload({ client, params: { Bucket, Key: "parts", Body: chunks(body) } }).done();
    assert.match(done.ETag, /-5"$/);
    assert.ok((await read(Bucket, "parts")).equals(body), "the parts came back changed");
    const o = await client.send(new s3.GetObjectCommand({ Bucket, Key: "parts", Range: "bytes=5242870-5242889" }));
    assert.ok(Buffer.from(await o.Body.transformToByteArray()).equals(body.subarray(5242870, 5242890)));
    await client.send(new s3.CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/parts` }));
    assert.ok((await read(Bucket, "copy")).equals(body), "the copy differs");
  },

  // pages lists by few.
  async pages(Bucket) {
    const want = [];
    for (let i = 0; i < 11; i++) {
      want.push(`page/${i % 2}/k ${100 + i}`);
      await client.send(new s3.PutObjectCommand({ Bucket, Key: want[i], Body: "x" }));
    }
    const got = [];
    let n = 0;
    for await (const page of s3.paginateListObjectsV2({ client, pageSize: 4 }, { Bucket, Prefix: "page/" })) {
      n++;
      got.push(...page.Contents.map((o) => o.Key));
    }
    assert.deepEqual(got, want.sort());
    assert.equal(n, 3);
    const dirs = [];
    for await (const page of s3.paginateListObjectsV2({ client, pageSize: 1 }, { Bucket, Prefix: "page/", Delimiter: "/" })) {
      dirs.push(...(page.CommonPrefixes ?? []).map((p) => p.Prefix));
    }
    assert.deepEqual(dirs, ["page/0/", "page/1/"]);
  },

  // conditions writes only where there is nothing, and tells errors apart.
  async conditions(Bucket) {
    const once = { Bucket, Key: "once", Body: "first", IfNoneMatch: "*" };
    await client.send(new s3.PutObjectCommand(once));
    await rejected("PreconditionFailed", 412, client.send(new s3.PutObjectCommand(once)));
    await rejected("NoSuchKey", 404, client.send(new s3.GetObjectCommand({ Bucket, Key: "nothing" })));
    await rejected("NotFound", 404, client.send(new s3.HeadObjectCommand({ Bucket, Key: "nothing" })));
    await rejected("NoSuchBucket", 404, client.send(new s3.ListObjectsV2Command({ Bucket: "no-such-bucket" })));
  },

  // presigned uses URLs without credentials.
  async presigned(Bucket) {
    const Key = "presigned ü+%20";
    const up = await getSignedUrl(client, new s3.PutObjectCommand({ Bucket, Key }), { expiresIn: 600 });
    const put = await fetchURL("PUT", up, "by a URL");
    assert.equal(put.status, 200, put.body);
    const down = await getSignedUrl(client, new s3.GetObjectCommand({ Bucket, Key }));
    assert.deepEqual(await fetchURL("GET", down), { status: 200, body: "by a URL" });
    assert.equal((await fetchURL("GET", down.replace("presigned", "other"))).status, 403);
    assert.equal((await fetchURL("PUT", down, "x")).status, 403);
  },

  // remove empties the bucket, one and many at a time, and removes it.
  async remove(Bucket) {
    await client.send(new s3.DeleteObjectCommand({ Bucket, Key: "once" }));
    await rejected("NotFound", 404, client.send(new s3.HeadObjectCommand({ Bucket, Key: "once" })));
    for await (const page of s3.paginateListObjectsV2({ client }, { Bucket })) {
      const Objects = page.Contents.map(({ Key }) => ({ Key }));
      const gone = await client.send(new s3.DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
      assert.equal(gone.Deleted.length, Objects.length);
      assert.equal(gone.Errors, undefined);
    }
    await client.send(new s3.DeleteBucketCommand({ Bucket }));
  },
};

async function main(names, args) {
  for (const name of names) await commands[name](...args);
}

main(process.argv[3].split(","), process.argv.slice(4)).catch((e) => {
  console.error(e.name, e.message);
  console.error(e.stack);
  process.exitCode = 1;
});
