// Puts an answer together from its pieces; reasoning that the server split off goes back in front as `<think>`.
// A thought with no answer after it stays open: then the server's reasoning parser took everything for thought.

export class AnswerText {
  #reasoning = '';
  #content = '';

  add(reasoning: string, content: string): void {
    // Reasoning after the answer has begun is an afterthought of the server; it has no place in the protocol.
    if (this.#content === '') this.#reasoning += reasoning;
    if (this.#content !== '' || content.trim() !== '' || this.#reasoning === '') this.#content += content;
  }

  get isEmpty(): boolean {
    return this.#reasoning === '' && this.#content === '';
  }

  get text(): string {
    if (this.#reasoning === '') return this.#content;
    const opening = /^\s*<think\s*>/i.test(this.#reasoning) ? '' : '<think>';
    if (this.#content === '') return opening + this.#reasoning;
    const closing = /<\/think\s*>\s*$/i.test(this.#reasoning) ? '' : '</think>';
    return `${opening}${this.#reasoning}${closing}\n${this.#content}`;
  }
}
