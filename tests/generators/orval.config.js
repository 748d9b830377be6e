export default {
  quiz: {
    input: "./openapi.json",
    output: {
      target: "./generated.ts",
      client: "fetch",
      mode: "single",
      headers: true,
      baseUrl: { runtime: "address", imports: [{ name: "address", importPath: "./address.js" }] },
    },
  },
};
