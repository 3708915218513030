/** An answer as a file. */
export async function download(answer: Response, name: string): Promise<void> {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(await answer.blob()), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}
