declare module "charwise" {
  const charwise: {
    encode(key: unknown): string;
    decode(encoded: string): unknown;
    number: { encode(value: number): string; decode(encoded: string): unknown };
  };
  // biome-ignore lint/style/noDefaultExport: charwise is a CommonJS module, which imports see as its default export
  export default charwise;
}
