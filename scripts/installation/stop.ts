/** An end that a person can do something about: its message is all they are shown, without a stack. */
export class Stop extends Error {
  override readonly name = "Stop";
}

/** What went wrong in one line, for somebody who did not write the code. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const known = AWS_ENDS.get(error.name);
  if (known !== undefined) return known;
  // AWS' own sentence names who may not do what, and where.
  if (/^AccessDenied|^UnauthorizedOperation|^AuthorizationError/.test(error.name))
    return `AWS refuses: ${error.message}`;
  // fetch says that it failed, and its cause why.
  if (error.message === "fetch failed" && error.cause instanceof Error) return sentenceOf(error.cause);
  const said = error instanceof AggregateError ? sentenceOf(error.errors[0]) : error.message;
  return error.name === "Error" || error.name === "TypeError" || error.name === "OutsideError" || error.name === "Stop"
    ? said
    : `${error.name}: ${said}`;
}

/** https://docs.aws.amazon.com/general/latest/gr/api-error-codes.html; the first is the SDK's own. */
const AWS_ENDS: ReadonlyMap<string, string> = new Map([
  ["CredentialsProviderError", "no AWS credentials were found: log in (aws sso login) or set AWS_PROFILE"],
  ["ExpiredToken", "your AWS credentials have expired: log in again"],
  ["ExpiredTokenException", "your AWS credentials have expired: log in again"],
  ["InvalidClientTokenId", "AWS does not know these credentials: check AWS_PROFILE and the region"],
  [
    "SignatureDoesNotMatch",
    "AWS does not accept these credentials: the secret key is wrong, or this machine's clock is",
  ],
  ["RequestExpired", "this machine's clock is wrong: AWS takes requests of the last minutes only"],
  ["UnrecognizedClientException", "AWS does not know these credentials: check AWS_PROFILE and the region"],
]);
