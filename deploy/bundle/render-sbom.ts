// The bill of materials of what is installed (CycloneDX 1.5), made by npm from the lock file alone. Guarantee: the same lock file
// gives the same text: what npm draws or dates anew each time is left out. Run as a program it prints it: `npm run sbom`.
import { execFileSync } from 'node:child_process';
import { PROJECT, readManifest } from './project.ts';

interface Sbom {
  serialNumber?: string;
  metadata: { timestamp?: string; component: { name: string } };
}

export function renderSbom(): string {
  const flags = ['--omit=dev', '--omit=optional', '--package-lock-only', '--sbom-format=cyclonedx'];
  const text = execFileSync('npm', ['sbom', ...flags], {
    cwd: PROJECT,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const sbom = JSON.parse(text) as Sbom;
  delete sbom.serialNumber;
  delete sbom.metadata.timestamp;
  // npm names it after the directory it is in.
  sbom.metadata.component.name = readManifest().name;
  return `${JSON.stringify(sbom, null, 1)}\n`;
}

if (import.meta.main) process.stdout.write(renderSbom());
