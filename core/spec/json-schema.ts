const TYPES = ["null", "boolean", "object", "array", "number", "string", "integer"];

/**
 * What is wrong with a JSON schema, as `place: what`. Not every keyword is checked: those that most schemas
 * have, so that a slip shows before a training and not after it.
 */
export function jsonSchemaFaults(schema: unknown, place = ""): string[] {
  if (typeof schema === "boolean") return [];
  if (!isObject(schema)) return [`${place || "it"}: must be a block of keys`];
  const at = (key: string) => (place === "" ? key : `${place}.${key}`);
  const faults: string[] = [];
  const { type, required, enum: values } = schema;
  for (const name of type === undefined ? [] : [type].flat())
    if (!TYPES.includes(name as string))
      faults.push(`${at("type")}: ${JSON.stringify(name)} is not one of ${TYPES.join(", ")}`);
  if (required !== undefined && !isListOf(required, (name) => typeof name === "string"))
    faults.push(`${at("required")}: must be a list of names`);
  if (values !== undefined && !isListOf(values, () => true)) faults.push(`${at("enum")}: must be a list`);
  for (const key of ["items", "additionalProperties", "not"])
    if (schema[key] !== undefined) faults.push(...jsonSchemaFaults(schema[key], at(key)));
  for (const key of ["properties", "$defs"]) {
    const inner = schema[key];
    if (inner === undefined) continue;
    if (isObject(inner))
      faults.push(
        ...Object.entries(inner).flatMap(([name, each]) => jsonSchemaFaults(each, `${at(key)}.${name}`)),
      );
    else faults.push(`${at(key)}: must be a block of keys`);
  }
  for (const key of ["anyOf", "allOf", "oneOf"]) {
    const inner = schema[key];
    if (inner === undefined) continue;
    if (isListOf(inner, () => true))
      faults.push(...inner.flatMap((each, i) => jsonSchemaFaults(each, `${at(key)}.${i}`)));
    else faults.push(`${at(key)}: must be a list of schemas`);
  }
  return faults;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isListOf(value: unknown, holds: (item: unknown) => boolean): value is unknown[] {
  return Array.isArray(value) && value.every(holds);
}
