import { BlockList, isIP } from "node:net";
import { inspect, isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { durationMs } from "../../../src/control-plane/common/durations.ts";
import * as fields from "../../../src/control-plane/common/fields.ts";
import { copyJson } from "../../../src/control-plane/common/json-object.ts";
import { policyRule, policyTarget } from "../../../src/control-plane/network/policy-record.ts";
import { expectRefused } from "../../helpers/stores.ts";

const shown = (value: unknown) => inspect(value, { depth: 2 }).slice(0, 200);

/** What a schema gives, which it must take unchanged; undefined where it refuses. */
function given<S extends z.ZodType>(schema: S, value: unknown): z.output<S> | undefined {
  const first = schema.safeParse(value);
  if (!first.success) return undefined;
  const again = schema.safeParse(first.data);
  expect(again.success, `${shown(first.data)} is taken again`).toBe(true);
  expect(isDeepStrictEqual(again.data, first.data), shown(first.data)).toBe(true);
  return first.data;
}

function expectAll(schema: z.ZodType, cases: readonly (readonly [unknown, unknown])[]): void {
  for (const [value, expected] of cases) expect(given(schema, value), shown(value)).toStrictEqual(expected);
}

function expectNone(schema: z.ZodType, values: readonly unknown[]): void {
  for (const value of values) expect(given(schema, value), shown(value)).toBeUndefined();
}

const LONE = "\ud800";

describe("addresses", () => {
  test("every spelling of an address becomes one", () => {
    expectAll(fields.ipAddress, [
      ["0.0.0.0", "0.0.0.0"],
      ["255.255.255.255", "255.255.255.255"],
      ["::", "::"],
      ["0:0:0:0:0:0:0:0", "::"],
      ["::1", "::1"],
      ["2001:DB8::0001", "2001:db8::1"],
      ["2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"],
      ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
      ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
      ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
      ["64:ff9b::1.2.3.4", "64:ff9b::102:304"],
      ["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
      ["1111:2222:3333:4444:5555:6666:255.255.255.255", "1111:2222:3333:4444:5555:6666:ffff:ffff"],
    ]);
  });

  test("an IPv4 address within IPv6 is the IPv4 address, and nothing else is", () => {
    expectAll(fields.ipAddress, [
      ["::ffff:1.2.3.4", "1.2.3.4"],
      ["::FFFF:102:304", "1.2.3.4"],
      ["0:0:0:0:0:ffff:1.2.3.4", "1.2.3.4"],
      ["::1.2.3.4", "::102:304"],
      ["::102:304", "::102:304"],
      ["::ffff:0:1.2.3.4", "::ffff:0:102:304"],
      ["1::ffff:1.2.3.4", "1::ffff:102:304"],
    ]);
  });

  test("what is no address, or reads in two ways, is refused", () => {
    expectNone(fields.ipAddress, [
      ...["", " ", "1", "1.2.3", "10.1", "0x0a000001", "167772161", "1.2.3.4.5", "256.1.1.1", "1.2.3.-4"],
      ...["01.2.3.4", "1.2.3.04", "0x1.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4\n", "１.2.3.4", "1.2.3.4:80"],
      ...[
        "::ffff:01.2.3.4",
        "::ffff:0x1.2.3.4",
        "::ffff:1.2.3",
        "::ffff:1.2.3.256",
        "::1.2.3.4:5",
        "1.2.3.4::",
      ],
      ...[
        "1::2::3",
        ":::",
        "1:2:3",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4::5:6:7:8",
        ":1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:",
      ],
      ...["12345::", "00001::", "g::", "[::1]", "::1\n", " ::1", "::1/64", "fe80::1%eth0", "::1%", "%eth0"],
      ...[`::${LONE}`, LONE, `${"0".repeat(1e5)}::`, ":".repeat(1e5), "1:2:3:4:5:6:7:1.2.3.4"],
      ...[undefined, null, 1, 16909060, {}, ["1.2.3.4"], ["::1"]],
    ]);
    expect(fields.parseIp(["::1"] as never)).toBeUndefined();
    const { error } = fields.ipAddress.safeParse("x".repeat(1e5));
    expect(error?.issues[0]?.message.length).toBeLessThan(200);
  });

  test("random text is taken exactly where Node takes it, but for zones", () => {
    const likely = fc.string({ unit: fc.constantFrom(..."0123456789afF:.%".split("")), maxLength: 24 });
    const address = fc.oneof(likely, fc.ipV4(), fc.ipV6(), fc.ipV4Extended());
    fc.assert(
      fc.property(address, (written) => {
        const taken = given(fields.ipAddress, written);
        expect(taken !== undefined, written).toBe(isIP(written) !== 0 && !written.includes("%"));
      }),
      { numRuns: 3000 },
    );
  });

  test("a range keeps the address that it was written with, in its canonical spelling", () => {
    expectAll(fields.cidr, [
      ["10.0.0.0/8", "10.0.0.0/8"],
      ["10.1.2.3/8", "10.1.2.3/8"],
      ["10.42.0.3/32", "10.42.0.3/32"],
      ["0.0.0.0/0", "0.0.0.0/0"],
      ["::/0", "::/0"],
      ["::1/128", "::1/128"],
      ["2001:DB8:0::/32", "2001:db8::/32"],
      ["::ffff:10.0.0.0/104", "10.0.0.0/8"],
      ["::ffff:0:0/96", "0.0.0.0/0"],
      ["::10.0.0.0/104", "::a00:0/104"],
    ]);
    expectNone(fields.cidr, [
      ...[
        "10.0.0.0",
        "10.0.0.0/",
        "/8",
        "/",
        "",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/08",
        "10.0.0.0/000",
      ],
      ...[
        "10.0.0.0/8/8",
        "10.0.0.0/ 8",
        "10.0.0.0 /8",
        "10.0.0.0/8\n",
        "10.0.0.0/1e1",
        "10.0.0.0/8.0",
        "10/8",
      ],
      ...["010.0.0.0/8", "10.0.0.0/255.0.0.0", "::/129", "fe80::%1/10", "::ffff:10.0.0.0/8", "::ffff:0:0/95"],
      ...[null, 8, `10.0.0.0/${LONE}`, `${"1".repeat(1e5)}/8`],
    ]);
  });

  test("a range holds the addresses that Node's block list finds in it", () => {
    const v4 = fc.tuple(fc.ipV4(), fc.ipV4(), fc.integer({ min: 0, max: 32 }), fc.constant("ipv4" as const));
    const v6 = fc.tuple(fc.ipV6(), fc.ipV6(), fc.integer({ min: 0, max: 128 }), fc.constant("ipv6" as const));
    let inside = 0;
    fc.assert(
      fc.property(
        fc.oneof(v4, v6),
        fc.nat(128),
        fc.boolean(),
        ([net, other, bits, family], flipped, near) => {
          const start = fields.parseIp(net) as fields.Ip;
          // Most random addresses lie far away: one that differs in a single bit tells where the range ends.
          const bytes = start.toByteArray();
          const place = flipped % (bytes.length * 8);
          bytes[place >> 3] = (bytes[place >> 3] as number) ^ (128 >> (place & 7));
          const nearby = Array.from({ length: 8 }, (_, i) =>
            ((bytes[i * 2] as number) * 256 + (bytes[i * 2 + 1] as number)).toString(16),
          );
          const written = near ? (bytes.length === 4 ? bytes.join(".") : nearby.join(":")) : other;
          const ip = fields.parseIp(written) as fields.Ip;
          const range = fields.parseCidr(`${net}/${start.kind() === family ? bits : Math.min(bits, 32)}`);
          if (range === undefined || ip.kind() !== range[0].kind()) return;
          const list = new BlockList();
          list.addSubnet(range[0].toString(), range[1], range[0].kind());
          const expected = list.check(ip.toString(), ip.kind());
          expect(fields.isWithin(ip, range), `${written} in ${net}/${bits}`).toBe(expected);
          if (expected) inside++;
        },
      ),
      { numRuns: 2000 },
    );
    expect(inside).toBeGreaterThan(100);
  });

  test("families are apart: an IPv6 range holds no IPv4 address", () => {
    const within = (ip: string, range: string) =>
      fields.isWithin(
        fields.parseIp(ip) as fields.Ip,
        fields.parseCidr(range) as NonNullable<ReturnType<typeof fields.parseCidr>>,
      );
    expect(within("10.0.0.1", "::/0")).toBe(false);
    expect(within("::ffff:10.0.0.1", "::/0")).toBe(false);
    expect(within("::1", "0.0.0.0/0")).toBe(false);
    expect(within("::10.0.0.1", "10.0.0.0/8")).toBe(false);
    expect(within("::ffff:a00:1", "10.0.0.0/8")).toBe(true);
    expect(within("10.0.0.1", "::ffff:10.0.0.0/104")).toBe(true);
  });
});

describe("text", () => {
  test("ids are any well-formed text of 1 to 512 characters", () => {
    const good = ["a", " ", "a:b", "a!b\u0000", "\u{1f600}", "a".repeat(512), "__proto__"];
    for (const each of good) expect(given(fields.id, each)).toBe(each);
    expectNone(fields.id, ["", "a".repeat(513), LONE, `a${LONE}b`, "\udc00\ud800", null, 1, ["a"]]);
  });

  test("names and free text are kept as they are, even with half a character at a cut", () => {
    for (const each of ["", " a ", `cut ${LONE}`, "\u0000"]) {
      expect(given(fields.name, each)).toBe(each);
      expect(JSON.parse(JSON.stringify(given(fields.text, each)))).toBe(each);
    }
    expectNone(fields.name, ["a".repeat(513), null]);
    expectNone(fields.text, ["a".repeat(65_537), 1]);
  });

  test("emails are one in whatever case", () => {
    expectAll(fields.email, [
      ["User@Example.COM", "user@example.com"],
      [" \tuser@example.com\n", "user@example.com"],
      ["first.last+tag@sub.example.com", "first.last+tag@sub.example.com"],
      ["\u212a@example.com", "k@example.com"],
    ]);
    expectNone(fields.email, [
      ...["", "user", "user@", "@example.com", "a@b", "a b@example.com", "a@@example.com", "a@exa mple.com"],
      ...[
        "a\n@example.com",
        "\u0130@example.com",
        "ß@example.com",
        `${LONE}@example.com`,
        "a@example.com,b@c.de",
      ],
      ...[`${"a".repeat(320)}@example.com`, null, 1],
    ]);
  });

  test("a WireGuard key has one spelling", () => {
    const bytes = Buffer.alloc(32, 7);
    const key = bytes.toString("base64");
    const high = Buffer.alloc(32, 255).toString("base64");
    expect(given(fields.publicKey, key)).toBe(key);
    expect(given(fields.publicKey, high)).toBe(high);
    // The last character carries two bits that a lenient reader passes over.
    const lax = key.replace("c=", "d=");
    expect(Buffer.from(lax, "base64").equals(bytes)).toBe(true);
    expectNone(fields.publicKey, [
      lax,
      ...[
        "",
        "test",
        key.slice(0, -1),
        `${key}\n`,
        ` ${key.slice(1)}`,
        `${key.slice(0, 43)}A`,
        "=".repeat(44),
      ],
      ...[
        high.replaceAll("/", "_"),
        Buffer.alloc(31, 1).toString("base64"),
        Buffer.alloc(33, 1).toString("base64"),
      ],
      ...[Buffer.alloc(32).toString("base64"), key.replace("B", LONE), key.repeat(1000), null, 1],
    ]);
  });
});

describe("labels and JSON objects", () => {
  const withProto: unknown = JSON.parse('{ "__proto__": "x", "a": "b" }');

  test("labels are text by text; a name that would be dropped in silence is refused", () => {
    const odd = { constructor: "1", toString: "2", "a b": "", [LONE]: LONE };
    expect(given(fields.labels, odd)).toEqual(odd);
    expectNone(fields.labels, [
      withProto,
      ...[
        { "": "a" },
        { a: 1 },
        { a: null },
        { a: undefined },
        { ["a".repeat(257)]: "" },
        { a: "b".repeat(1025) },
      ],
      ...[null, [], ["a"], "a", new Map([["a", "b"]]), { [Symbol("a")]: "b" }],
    ]);
  });

  test("a JSON object is copied as it is", () => {
    const object = {
      a: [1, -0, "x", null, true, [], {}, [[{}]]],
      constructor: { toJSON: "text" },
      [LONE]: LONE,
      none: Object.assign(Object.create(null), { b: 1 }),
    };
    const copy = given(fields.anyObject, object);
    expect(copy).toEqual(object);
    object.a.push("later");
    expect(copy?.["a"]).toHaveLength(8);
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        expect(given(fields.anyObject, value)).toEqual(namesProto(value) ? undefined : value);
      }),
    );
  });

  test("what is no JSON is refused, with the place where it is", () => {
    const cyclic: Record<string, unknown> = {};
    cyclic["a"] = cyclic;
    cyclic["b"] = cyclic;
    let deep: unknown = 1;
    for (let i = 0; i < 100_000; i++) deep = { a: deep };
    const wrong = [
      Number.NaN,
      Infinity,
      undefined,
      1n,
      () => 1,
      Symbol("a"),
      new Date(),
      new Map(),
      Buffer.of(1),
    ];
    expectNone(
      fields.anyObject,
      wrong.map((value) => ({ a: [value] })),
    );
    expectNone(fields.anyObject, [...wrong, null, [], "a", withProto, cyclic, deep, { a: new Array(1) }]);
    expectNone(fields.anyObject, [
      { [Symbol("a")]: 1 },
      { a: { [Symbol("a")]: 1 } },
      { a: new (class A {})() },
    ]);
    const issueOf = (value: unknown) => fields.anyObject.safeParse(value).error?.issues[0];
    expect(issueOf({ a: { b: [0, Number.NaN] } })).toMatchObject({ path: ["a", "b", 1] });
    expect(issueOf({ a: { c: withProto } })).toMatchObject({ path: ["a", "c"] });
    expect(issueOf([])).toMatchObject({ message: "It must be a JSON object" });
    expect(copyJson([1, { a: "b" }])).toEqual([1, { a: "b" }]);
  });
});

describe("durations", () => {
  test("they are kept as they are written, and read in milliseconds", () => {
    const cases: [string, number][] = [
      ["0", 0],
      ["0s", 0],
      ["90s", 90_000],
      ["5m", 300_000],
      ["1h30m", 5_400_000],
      ["1d", 86_400_000],
      ["2w", 1_209_600_000],
      ["1y", 31_536_000_000],
      ["1.5h", 5_400_000],
      ["1.005s", 1005],
      ["0.1s", 100],
      ["1h1h", 7_200_000],
      ["250ms", 250],
      ["1us", 0.001],
      ["1µs", 0.001],
      ["1μs", 0.001],
      ["1500000ns", 1.5],
      ["0.9ns", 0],
      ["292y", 292 * 31_536_000_000],
      ["9223372036854775807ns", 9_223_372_036_854.775],
    ];
    for (const [written, ms] of cases) {
      expect(given(fields.duration, written)).toBe(written);
      expect(durationMs(written), written).toBeCloseTo(ms, 6);
    }
  });

  test("what is no duration, or too long, is refused", async () => {
    const wrong = [
      ...[
        "",
        "5",
        "m",
        "-5m",
        "+5m",
        "5M",
        "5 m",
        " 5m",
        "5m ",
        "5m\n",
        "1.5.5h",
        ".5h",
        "1.h",
        "1e3s",
        "0x1s",
      ],
      ...[
        "1h 30m",
        "00",
        "5mo",
        "٥m",
        "293y",
        "9223372036854775808ns",
        `${"9".repeat(62)}d`,
        `${"0".repeat(64)}s`,
      ],
      ...["constructor", LONE],
    ];
    expectNone(fields.duration, [...wrong, null, 5, ["5m"]]);
    for (const each of [...wrong, null, 5, ["5m"]])
      await expectRefused("OPTION_INVALID", () => durationMs(each as string));
  });
});

describe("ports", () => {
  test("a port, or a range that goes upwards", () => {
    const cases: [string, number, number][] = [
      ["0", 0, 0],
      ["80", 80, 80],
      ["65535", 65_535, 65_535],
      ["8000-8080", 8000, 8080],
      ["80-80", 80, 80],
      ["0-65535", 0, 65_535],
    ];
    for (const [written, from, to] of cases) {
      expect(given(fields.ports, written)).toBe(written);
      expect(fields.portRange(written)).toEqual([from, to]);
    }
    expectNone(fields.ports, [
      ...[
        "",
        "65536",
        "99999",
        "100000",
        "80-79",
        "80-",
        "-80",
        "-1",
        "1-2-3",
        "80-65536",
        "080",
        "00",
        "80-080",
      ],
      ...[
        " 80",
        "80 ",
        "80\n",
        "80 - 90",
        "8e1",
        "0x50",
        "80.0",
        "http",
        "any",
        "*",
        "８0",
        LONE,
        null,
        80,
        ["80"],
      ],
    ]);
  });
});

describe("targets and rules", () => {
  const any = { type: "any" };

  test("a target says whom it means, and CIDRs are spelled one way", () => {
    expectAll(policyTarget, [
      [any, { type: "any", values: [], labels: {} }],
      [
        { type: "cidr", values: ["2001:DB8::/32", "::ffff:10.0.0.1/104"] },
        { type: "cidr", values: ["2001:db8::/32", "10.0.0.1/8"], labels: {} },
      ],
      [
        { type: "group", labels: { a: "b" } },
        { type: "group", values: [], labels: { a: "b" } },
      ],
    ]);
    expectNone(policyTarget, [
      ...[{}, { type: "all" }, { ...any, values: ["a"] }, { ...any, value: ["a"] }, { type: "node" }],
      ...[{ type: "group", values: [], labels: {} }, { type: "cidr" }, { type: "cidr", labels: { a: "b" } }],
      ...[
        { type: "cidr", values: ["10.0.0.1"] },
        { type: "cidr", values: ["10.0.0.0/8", "x"] },
      ],
      ...[
        { type: "node", values: [""] },
        { type: "group", values: ["a", LONE] },
        { type: "node", values: "a" },
      ],
      // A condition that is dropped in silence would make this one hold for all.
      { ...any, labels: JSON.parse('{ "__proto__": "x" }') },
    ]);
    const { error } = policyTarget.safeParse({ type: "cidr", values: ["::/0", "10.0.0.1"] });
    expect(error?.issues).toMatchObject([{ path: ["values", 1] }]);
  });

  test("ICMP has no ports", () => {
    const rule = { action: "allow", source: any, destination: any };
    expect(given(policyRule, rule)).toMatchObject({ protocol: "any", ports: [] });
    expect(given(policyRule, { ...rule, protocol: "tcp", ports: ["80", "90-99"] })).toBeDefined();
    expect(given(policyRule, { ...rule, protocol: "icmp" })).toBeDefined();
    expectNone(policyRule, [
      { ...rule, protocol: "icmp", ports: ["80"] },
      { ...rule, action: "drop" },
      { ...rule, protocol: "sctp" },
      { ...rule, ports: ["http"] },
      { ...rule, ports: [80] },
      { action: "allow", source: any },
    ]);
  });
});

/** Whether an object, at any depth, has a field of that name. Not by its text: the name may be the end of another. */
function namesProto(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.hasOwn(value, "__proto__") || Object.values(value).some(namesProto);
}
