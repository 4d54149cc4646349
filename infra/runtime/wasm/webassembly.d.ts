/**
 * The part of the WebAssembly JavaScript interface that drover uses. Node 20's types do not declare it, and the DOM
 * library, which does, would bring every browser global with it.
 */
declare namespace WebAssembly {
  type Imports = Readonly<Record<string, Readonly<Record<string, (...parameters: number[]) => void>>>>;

  class Module {
    constructor(bytes: Uint8Array);
    static customSections(module: Module, name: string): ArrayBuffer[];
    static imports(module: Module): { readonly module: string; readonly name: string }[];
    static exports(module: Module): { readonly name: string; readonly kind: string }[];
  }
  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Readonly<Record<string, unknown>>;
  }
  class Memory {
    constructor(limits: { readonly initial: number; readonly maximum?: number });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  class Global {
    private constructor();
    value: number | bigint;
  }
  class RuntimeError extends Error {}
  class CompileError extends Error {}

  function validate(bytes: Uint8Array): boolean;
  function compile(bytes: Uint8Array): Promise<Module>;
}
