import path from 'node:path';
import { type WorkspacePackage, root } from '../workspace.ts';

/** Where the `pack` gate leaves the tarballs for the gates after it. */
export const packs: string = path.join(root, 'temp', 'packs');

/** The tarball of a package as it would be published. */
export function packOf({ folder }: WorkspacePackage): string {
  return path.join(packs, `${path.basename(folder)}.tgz`);
}
