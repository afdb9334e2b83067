import assert from "node:assert/strict";
import fc from "fast-check";
import { ProtocolError } from "#etcd/http2/frames.ts";
import { headerListMaxBytes, HpackDecoder } from "#etcd/http2/hpack-decoder.ts";
import { encodeFields } from "#etcd/http2/hpack-encoder.ts";
import { huffmanBits, staticTable } from "#etcd/http2/hpack-tables.ts";
import { huffmanDecoded } from "#etcd/http2/huffman.ts";

function bytes(hex: string): Uint8Array {
  return Buffer.from(hex.replaceAll(" ", ""), "hex");
}

function decodeAll(blocks: readonly string[], decoder = new HpackDecoder()): string[][] {
  return blocks.map((block) => lines(decoder, bytes(block)));
}

function lines(decoder: HpackDecoder, block: Uint8Array): string[] {
  return decoder.decode(block).map(({ name, value }) => `${name}: ${value}`);
}

const requests = [
  [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"],
  [
    ...[":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"],
    "cache-control: no-cache",
  ],
  [
    ...[":method: GET", ":scheme: https", ":path: /index.html", ":authority: www.example.com"],
    "custom-key: custom-value",
  ],
];
const responses = [
  [
    ...[":status: 302", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:21 GMT"],
    "location: https://www.example.com",
  ],
  [
    ...[":status: 307", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:21 GMT"],
    "location: https://www.example.com",
  ],
  [
    ...[":status: 200", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:22 GMT"],
    ...["location: https://www.example.com", "content-encoding: gzip"],
    "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
  ],
];
/** A table of 256 bytes, as the examples of responses have it. */
const small = "3f e1 01";

describe("HPACK, by the examples of RFC 7541", () => {
  it("reads literals with and without a name of the table (C.2)", () => {
    const literal = "400a637573746f6d2d6b65790d637573746f6d2d686561646572";
    assert.deepEqual(decodeAll([literal]), [["custom-key: custom-header"]]);
    assert.deepEqual(decodeAll(["040c2f73616d706c652f70617468"]), [[":path: /sample/path"]]);
    assert.deepEqual(decodeAll(["100870617373776f726406736563726574"]), [["password: secret"]]);
    assert.deepEqual(decodeAll(["82"]), [[":method: GET"]]);
  });

  it("reads requests, each by what the one before left in the table (C.3)", () => {
    const blocks = [
      "828684410f7777772e6578616d706c652e636f6d",
      "828684be58086e6f2d6361636865",
      "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
    ];
    assert.deepEqual(decodeAll(blocks), requests);
  });

  it("reads requests in Huffman code (C.4)", () => {
    const blocks = [
      "828684418cf1e3c2e5f23a6ba0ab90f4ff",
      "828684be5886a8eb10649cbf",
      "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    ];
    assert.deepEqual(decodeAll(blocks), requests);
  });

  it("reads responses, while the table drops what is old (C.5)", () => {
    const blocks = [
      `${small} 4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d`,
      "4803333037c1c0bf",
      "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
    ];
    assert.deepEqual(decodeAll(blocks), responses);
  });

  it("reads responses in Huffman code, while the table drops what is old (C.6)", () => {
    const blocks = [
      `${small} 488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3`,
      "4883640effc1c0bf",
      "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
    ];
    assert.deepEqual(decodeAll(blocks), responses);
  });
});

/** A field of 32 + 1 + 1 bytes, and one that empties the whole table. */
const a = "40016101" + "78";

describe("an HPACK decoder", () => {
  it("forgets what does not fit, and all where one does not fit at all", () => {
    const decoder = new HpackDecoder();
    assert.deepEqual(decodeAll([a, "be"], decoder), [["a: x"], ["a: x"]]);
    // 33 bytes: the field has 34.
    assert.deepEqual(decodeAll(["3f02"], decoder), [[]]);
    assert.throws(() => decoder.decode(bytes("be")), /no field 62/);
    const large = new HpackDecoder();
    decodeAll([a], large);
    const value = "v".repeat(5_000);
    // Read, and too large to be kept.
    const block = Buffer.from(encodeFields([{ name: "b", value }]));
    block[0] = 0x40;
    assert.deepEqual(lines(large, block), [`b: ${value}`]);
    assert.throws(() => large.decode(bytes("be")), ProtocolError);
  });

  it("has a table as large as was announced and no larger, and may be told so at the beginning of a block only", () => {
    const decoder = new HpackDecoder();
    assert.deepEqual(decodeAll(["20 3fe11f"], decoder), [[]]); // 0, then 4,096
    assert.throws(() => new HpackDecoder().decode(bytes("3fe21f")), /4097 bytes/);
    assert.throws(() => decoder.decode(bytes("82 20")), /within a block/);
  });

  it("refuses what cannot be read", () => {
    const hopeless = {
      "no field 0": "80",
      "no field 62": "be",
      "ends within a field": "0003",
      "too large": "7fffffffffff",
    };
    for (const [why, block] of Object.entries(hopeless)) {
      assert.throws(() => new HpackDecoder().decode(bytes(block)), new RegExp(why), why);
    }
    // Cut anywhere, it ends within a field.
    const block = bytes(a);
    for (let end = 1; end < block.length; end++) {
      assert.throws(() => new HpackDecoder().decode(block.subarray(0, end)), ProtocolError);
    }
  });

  it("bounds what the headers of one answer hold, also where a few bytes name them again and again", () => {
    const decoder = new HpackDecoder();
    const large = Buffer.from(encodeFields([{ name: "b", value: "v".repeat(4_000) }]));
    large[0] = 0x40;
    decoder.decode(large);
    const times = Math.floor(headerListMaxBytes / 4_033);
    assert.equal(decoder.decode(new Uint8Array(times).fill(0xbe)).length, times);
    assert.throws(() => decoder.decode(new Uint8Array(times + 1).fill(0xbe)), /more than 65536/);
  });
});

describe("the Huffman code", () => {
  it("is a complete code, and knows where a text ends", () => {
    const sum = huffmanBits.reduce((all, bits) => all + 2 ** -bits, 0);
    assert.equal(sum, 1);
    // A whole byte of padding, padding that is not ones, and the end of the text spelled out.
    for (const wrong of ["1fff", "18", "ff", "ffffffff"]) {
      assert.throws(() => huffmanDecoded(bytes(wrong)), ProtocolError, wrong);
    }
    assert.deepEqual([...huffmanDecoded(bytes("07"))], [48]);
  });
});

describe("an HPACK encoder", () => {
  it("writes what a decoder reads, and leaves nothing in its table", () => {
    const name = fc.constantFrom(
      ...staticTable.map((field) => field.name),
      "te",
      "token",
      "x-long",
    );
    const ascii = fc.string({
      unit: fc.integer({ min: 32, max: 126 }).map(toText),
      maxLength: 300,
    });
    const field = fc.record(
      { name, value: ascii, secret: fc.boolean() },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(fc.array(field, { maxLength: 12 }), (fields) => {
        const decoder = new HpackDecoder();
        const plain = fields.map((one) => ({ name: one.name, value: one.value }));
        assert.deepEqual(decoder.decode(encodeFields(fields)), plain);
        assert.throws(() => decoder.decode(bytes("be")), /no field 62/);
      }),
    );
  });

  it("refers to what stands in the static table, but spells out what is secret, never to be kept", () => {
    assert.deepEqual([...encodeFields([{ name: ":method", value: "POST" }])], [0x83]);
    assert.deepEqual([...encodeFields([{ name: ":path", value: "/x" }])], [4, 2, 47, 120]);
    const token = encodeFields([{ name: "token", value: "s", secret: true }]);
    assert.equal(token[0], 0x10);
    const method = encodeFields([{ name: ":method", value: "POST", secret: true }]);
    assert.equal(method[0], 0x12);
  });
});

function toText(code: number): string {
  return String.fromCharCode(code);
}
