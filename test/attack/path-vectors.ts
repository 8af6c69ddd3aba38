// Ways for the Python of a run to get at notes outside its caller's paths. Each leaves the word CANARY in its result when it works on
// a root that is not restricted, or changes a file of `secret/`.

export interface PathVector {
  name: string;
  code: string;
}

const caught = (code: string): string => `try:\n    x = ${code}\nexcept Exception as e:\n    x = type(e).__name__`;

/** `{root}` is the directory of the notes. */
export const READ_VECTORS: readonly PathVector[] = [
  { name: 'read_file', code: caught('read_file("secret/vault.md")') },
  { name: 'read_file with dots', code: caught('read_file("projects/../secret/vault.md")') },
  { name: 'read_file under /memory', code: caught('read_file("/memory/secret/vault.md")') },
  { name: 'read_file by the absolute path', code: caught('read_file("{root}/secret/vault.md")') },
  { name: 'read_file through a linked folder', code: caught('read_file("projects/door/vault.md")') },
  { name: 'read_file through a linked note', code: caught('read_file("projects/leak.md")') },
  { name: 'open', code: caught('open("secret/vault.md").read()') },
  { name: 'open as bytes', code: caught('str(open("secret/vault.md", "rb").read())') },
  { name: 'open to append', code: caught('open("projects/leak.md", "r+").read()') },
  { name: 'pathlib', code: `from pathlib import Path\n${caught('Path("secret/vault.md").read_text()')}` },
  { name: 'os.listdir', code: `import os\n${caught('os.listdir("secret")')}` },
  { name: 'os.walk', code: `import os\n${caught('[names for _, _, names in os.walk(".")]')}` },
  { name: 'os.stat', code: `import os\n${caught('"CANARY" if os.stat("secret/vault.md") else ""')}` },
  { name: 'list_files', code: caught('list_files()') },
  { name: 'go_to_link by path', code: caught('go_to_link("[[secret/vault]]")') },
  { name: 'go_to_link by name', code: caught('go_to_link("[[vault]]")') },
  { name: 'go_to_link by title', code: caught('go_to_link("[[The Vault]]")') },
  { name: 'search_memory', code: caught('search_memory("whales", 50)') },
  { name: 'search_memory by prefix', code: caught('search_memory("CANAR", 50)') },
  { name: 'check_if_file_exists', code: caught('"CANARY" if check_if_file_exists("secret/vault.md") else "no"') },
  { name: 'check_if_dir_exists', code: caught('"CANARY" if check_if_dir_exists("secret") else "no"') },
  { name: 'get_size', code: caught('"CANARY" if get_size("secret/vault.md") > 0 else "no"') },
  { name: 'get_size of everything', code: caught('"CANARY" if get_size("") > 100 else "no"') },
  {
    name: 'update_file as an oracle',
    code: caught('"CANARY" if "find" in str(update_file("secret/vault.md", "q", "r")) else ""'),
  },
  {
    name: 'rename out of it',
    code: `import os\n${caught('os.rename("secret/vault.md", "projects/mine.md")')}\ny = read_file("projects/mine.md")`,
  },
];

export const WRITE_VECTORS: readonly PathVector[] = [
  { name: 'create_file', code: caught('create_file("secret/new.md", "x")') },
  { name: 'create_file through a linked folder', code: caught('create_file("projects/door/new.md", "x")') },
  { name: 'create_file with dots', code: caught('create_file("projects/../secret/new.md", "x")') },
  { name: 'update_file', code: caught('update_file("secret/vault.md", "whales", "x")') },
  { name: 'update_file through a linked note', code: caught('update_file("projects/leak.md", "whales", "x")') },
  { name: 'delete_file', code: caught('delete_file("secret/vault.md")') },
  { name: 'create_dir', code: caught('create_dir("secret/inner")') },
  { name: 'open to write', code: caught('open("secret/new.md", "w").write("x")') },
  { name: 'open to append', code: caught('open("secret/vault.md", "a").write("x")') },
  { name: 'os.remove', code: `import os\n${caught('os.remove("secret/vault.md")')}` },
  { name: 'os.mkdir', code: `import os\n${caught('os.mkdir("secret/inner")')}` },
  { name: 'rename into it', code: `import os\n${caught('os.rename("projects/ark.md", "secret/ark.md")')}` },
  {
    name: 'rename through a link',
    code: `import os\n${caught('os.rename("projects/ark.md", "projects/door/ark.md")')}`,
  },
];
