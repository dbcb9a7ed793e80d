import type { GitHub } from "./adapters/github.ts";
import type { Outbox, Want } from "./adapters/outbox.ts";
import type { RepoId, RepoName } from "./core/names.ts";

/**
 * Where to write: a repository is its number. A want was put in under the name of its day, and another repository may have that name
 * now. Asked once for each repository while the answer is held; null: GitHub shows it under no name we know, so what it is to
 * show has to wait: it is out of the installation, or was renamed and we have not heard its new name.
 */
export function presentNames(github: GitHub, outbox: Pick<Outbox, "nameOf">): (want: Want) => Promise<RepoName | null> {
  const asked = new Map<RepoId, Promise<RepoName | null>>();
  async function ask({ repo, repoId }: Want): Promise<RepoName | null> {
    const found = await github.repository((await outbox.nameOf(repoId)) ?? repo);
    return found?.id === repoId ? found.name : null;
  }
  return (want) => {
    const answer = asked.get(want.repoId) ?? ask(want);
    asked.set(want.repoId, answer);
    return answer;
  };
}
