import type { PullRequest } from "../../src/core/github.ts";
import type { Millis } from "../../src/core/names.ts";
import type { Repo } from "./github.ts";
import type { Commanded, Play } from "./play.ts";
import { actOnce } from "./people.ts";
import type { RepositoryPlan } from "./scenario.ts";
import type { World } from "./world.ts";

/** What people did, as far as the judgement of the end depends on it. */
export interface Story {
  readonly commands: readonly Commanded[];
  /** Reports (`proa/staging report`) on which a button was pressed, as `<repository id> <name>`. */
  readonly pressed: readonly string[];
  readonly movedBack: ReadonlySet<Repo>;
  /** `image:tag` that names another image since. */
  readonly movedTags: ReadonlySet<string>;
  /** By namespace: why Proa alone does not answer for what is in it. */
  readonly touched: ReadonlyMap<string, string>;
  /** Every state a pull request has had, by `<repository id>/<number>`. */
  readonly pulls: ReadonlyMap<string, readonly { readonly at: Millis; readonly pull: PullRequest }[]>;
  /** Every text that `.proa.yml` had on the default branch. */
  readonly configs: ReadonlyMap<Repo, readonly (string | null)[]>;
}

export interface Storyteller extends Story {
  /** Somebody does something now; a sentence about it, or null where it came to nothing. */
  act(draw: () => number, deed?: (play: Play) => string | null): string | null;
  /** Takes note of what was changed otherwise. */
  observe(): void;
  /** Somebody presses a button of the report of that name. */
  press(repo: Repo, report: string): void;
}

export function tell(
  { github, cluster, registry, kernel, repositories }: World,
  planned: readonly RepositoryPlan[],
): Storyteller {
  const commands: Commanded[] = [];
  const pressed: string[] = [];
  const movedBack = new Set<Repo>();
  const movedTags = new Set<string>();
  const touched = new Map<string, string>();
  const pulls = new Map<string, { at: Millis; pull: PullRequest }[]>();
  const configs = new Map<Repo, (string | null)[]>();

  function observe(): void {
    for (const repo of repositories) {
      for (const pull of github.truth.pulls(repo)) {
        const key = `${repo.id}/${pull.number}`;
        const known = pulls.get(key) ?? [];
        if (known.at(-1)?.pull !== pull) pulls.set(key, [...known, { at: kernel.now(), pull }]);
      }
      const text = github.truth.file(repo, ".proa.yml", repo.defaultBranch);
      const texts = configs.get(repo) ?? [];
      if (texts.at(-1) !== text) configs.set(repo, [...texts, text]);
    }
  }
  observe();
  const press = ({ id }: Repo, report: string): void => void pressed.push(`${id} ${report}`);

  return {
    commands,
    pressed,
    movedBack,
    movedTags,
    touched,
    pulls,
    configs,
    observe,
    press,
    act(draw, deed = actOnce) {
      const index = Math.floor(draw() * repositories.length);
      const [repo, plan] = [repositories[index], planned[index]];
      if (repo === undefined || plan === undefined) return null;
      const play: Play = {
        draw,
        repo,
        planned: plan,
        github,
        cluster,
        registry,
        kernel,
        commanded: (command) => void commands.push(command),
        pressed: press,
        movedBack: (moved) => void movedBack.add(moved),
        movedTag: (image, tag) => void movedTags.add(`${image}:${tag}`),
        touched: (namespace, how) => void touched.set(namespace, [touched.get(namespace), how].join("; ")),
      };
      const sentence = deed(play);
      observe();
      return sentence;
    },
  };
}
