/** What a chart's context, events and effects are made of: `JSON.parse(JSON.stringify(x))` changes nothing. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };
