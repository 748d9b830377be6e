// Types of preact.js, which is htm's standalone build: Preact, its hooks and htm in one module.
import type { VNode } from "preact";

export * from "preact";
export * from "preact/hooks";
export declare const html: (strings: TemplateStringsArray, ...values: any[]) => VNode<any>;
