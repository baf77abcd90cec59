import tseslint from "typescript-eslint";

/**
 * Imports go downwards only: a layer may not know the layers above it.
 * @param {string[]} files
 * @param {string[]} group
 * @returns {import("typescript-eslint").ConfigArray[number]}
 */
const layer = (files, group) => ({
  files,
  rules: {
    "no-restricted-imports": ["error", { patterns: [{ group, message: "imports go downwards only" }] }],
  },
});

export default tseslint.config(
  { ignores: ["node_modules/", ".tuneform/", "trainer-image/", "**/*.js", "**/*.cjs"] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "max-lines": ["error", 300],
      "max-lines-per-function": ["error", { max: 60, skipBlankLines: true, skipComments: true }],
      "no-restricted-syntax": ["error", { selector: "TSEnumDeclaration", message: "use `as const`" }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": ["error", { varsIgnorePattern: "^_", argsIgnorePattern: "^_" }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
    },
  },
  { files: ["test/**"], rules: { "max-lines-per-function": "off" } },
  layer(
    ["core/**"],
    [
      "@pulumi/*",
      "**/components/**",
      "**/loading/**",
      "**/cli/**",
      "**/setup/**",
      "node:fs*",
      "node:child_process",
    ],
  ),
  layer(["loading/**"], ["@pulumi/*", "**/components/**", "**/cli/**"]),
  layer(["components/**"], ["**/cli/**"]),
);
