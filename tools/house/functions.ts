/** Every function of a source file with its size, as TypeScript's parser sees it. */
import ts from "typescript";
import { text } from "./tree.ts";

export interface Sized {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly lines: number;
}

export function functionsOf(file: string): Sized[] {
  const source = ts.createSourceFile(file, text(file), ts.ScriptTarget.Latest, true);
  const found: Sized[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && "body" in node && node.body !== undefined) {
      const first = source.getLineAndCharacterOfPosition(node.getStart(source)).line;
      const last = source.getLineAndCharacterOfPosition(node.getEnd()).line;
      found.push({ name: nameOf(node, source), file, line: first + 1, lines: last - first + 1 });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** What the file declares at its top, and the members of its classes: what a link may name. */
export function declaredNames(file: string): Set<string> {
  const source = ts.createSourceFile(file, text(file), ts.ScriptTarget.Latest, true);
  const names = new Set<string>();
  const add = (node: { readonly name?: ts.Node | undefined }): void => {
    if (node.name !== undefined) names.add(node.name.getText(source));
  };
  for (const statement of source.statements) {
    if (ts.isVariableStatement(statement)) statement.declarationList.declarations.forEach(add);
    else add(statement as { readonly name?: ts.Node });
    if (ts.isClassDeclaration(statement)) statement.members.forEach(add);
  }
  return names;
}

function nameOf(node: ts.SignatureDeclaration, source: ts.SourceFile): string {
  if (ts.isConstructorDeclaration(node)) return `${classOf(node, source)}.constructor`;
  if (node.name !== undefined) {
    const name = node.name.getText(source);
    return ts.isClassLike(node.parent) ? `${classOf(node, source)}.${name}` : name;
  }
  const parent = node.parent;
  if (ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent))
    return parent.name.getText(source);
  if (ts.isCallExpression(parent)) return `${parent.expression.getText(source).slice(0, 30)}(…)`;
  return "(unnamed)";
}

function classOf(node: ts.Node, source: ts.SourceFile): string {
  return ts.isClassLike(node.parent) ? (node.parent.name?.getText(source) ?? "class") : "";
}
