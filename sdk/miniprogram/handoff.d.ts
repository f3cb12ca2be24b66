import { Auth } from './index';

/** The site that a web-view is to show. */
export interface Site {
  /** The `client_id` of the site. Its record has an `initiate_login_uri`, the page of the site that begins a sign-in. */
  clientId: string;
  /** The page of the site to show in the end, at the host of its `initiate_login_uri`. The site has to support `target_link_uri`. */
  url?: string;
}

/**
 * Returns the address for the `src` of a `<web-view>` that signs the user of the mini-program in at a site, after asking. It can be used once, within
 * 30 seconds, so request it when the web-view is to be shown. It signs the user in silently if necessary. The client and `createAuth` need the scope
 * `signin.handoff`. Errors are `AuthError`: `invalid_target` for an unknown site.
 */
export function handOff(auth: Auth, site: Site): Promise<string>;
