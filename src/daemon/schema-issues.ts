import type * as z from 'zod'

/** What is wrong with a document that does not have a schema's shape: where, and why, for each mistake. */
export function schemaIssues({ issues }: z.ZodError): string[] {
  return issues.map(({ path, message }) => `${path.join('.') || 'the request'}: ${message}`)
}
