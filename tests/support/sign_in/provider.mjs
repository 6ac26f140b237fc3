// An OpenID Connect provider for tests: node provider.mjs PORT REDIRECT_URI ACCOUNTS
// ACCOUNTS is JSON: the claims of each account by its name. Any password signs in. OIDC_PROVIDER is the package.
import { pathToFileURL } from 'node:url';

const [port, redirect, accounts] = process.argv.slice(2);
const { Provider } = await import(pathToFileURL(`${process.env.OIDC_PROVIDER}/lib/index.js`).href);
const known = JSON.parse(accounts);
const provider = new Provider(`http://localhost:${port}`, {
  clients: [{ client_id: 'gitdailies', client_secret: 'a secret: of + the provider', redirect_uris: [redirect] }],
  claims: { openid: ['sub'], profile: ['name', 'groups'], email: ['email', 'email_verified'] },
  findAccount: (_, id) => known[id] && { accountId: id, claims: () => ({ sub: id, ...known[id] }) },
});
provider.listen(Number(port), 'localhost', () => console.log('ready'));
