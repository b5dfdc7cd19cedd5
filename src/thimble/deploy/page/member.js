// A model in its own worker: requests go there, answers come back.
export class Member {
  constructor(name, artifact, folder) {
    Object.assign(this, { name, artifact, folder, waiting: new Map(), last: 0, opened: null });
    this.worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data: { id, error, ...answer } }) => {
      const { resolve, reject } = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) resolve(answer);
      else reject(new Error(`${this.name}: ${error}`));
    };
    this.worker.onerror = (event) => {
      for (const { reject } of this.waiting.values()) reject(new Error(`${this.name}: ${event.message || "its worker could not be started"}`));
      this.waiting.clear();
    };
  }

  ask(what, given = {}) {
    const id = ++this.last;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, what, ...given });
    });
  }

  url(path) {
    return new URL(`${this.folder}/${path}`, document.baseURI).href;
  }

  open(threads) {
    const beside = this.artifact.files.map((file) => file.path).filter((path) => path !== this.artifact.main);
    this.opened ??= this.ask("open", { model: this.url(this.artifact.main), beside: beside.map((path) => [path, this.url(path)]), threads });
    return this.opened;
  }

  async run(inputs) {
    return (await this.ask("run", { inputs })).outputs;
  }

  close() {
    this.worker.terminate();
  }
}
