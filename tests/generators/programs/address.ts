// Where the API is: what a program is started with.
declare const process: { argv: string[] };

export const address: string = process.argv[2] ?? "";
