/* What follows from who the peer is. Runs at the start, where the kernel says
 * so, and in monitor and front, each for itself, where a proxy does. */

#include "rooms/setup.h"

#include <stdio.h>
#include <string.h>

static void judge(struct setup *s, bool secured)
{
    s->plaintext = policy_plaintext(s->policy, &s->peer, secured);
    s->exposed = !s->peer.local && !secured;
}

void setup_meet(struct setup *s, const struct peer *peer)
{
    s->peer = *peer;
    s->proxied = networks_hold(&s->policy->proxies, peer);
    judge(s, false);
}

void setup_tell(struct setup *s, const struct proxy_header *told)
{
    struct peer proxy = s->peer;

    snprintf(s->via, sizeof s->via, " via=%s%s", proxy.text,
             told->tls ? " tls=proxy" : "");
    if (told->client == PROXY_ITSELF) {
        s->peer.local = false;
    } else {
        bool known = told->client == PROXY_ADDRESS;
        peer_told(&s->peer, known ? &told->address : NULL);
    }
    judge(s, told->tls && s->policy->proxy_tls);
}

void setup_secure(struct setup *s, const char *how)
{
    size_t len = strlen(s->via);

    s->secured = true;
    s->plaintext = true;
    s->exposed = false;
    if (how[0] != '\0')
        snprintf(s->via + len, sizeof s->via - len, " %s", how);
}

enum helper setup_helper(const struct setup *s, enum mechanism mechanism)
{
    enum helper helper = mechanism_rows[mechanism].helper;
    bool pam = (s->providers & PROVIDER_PAM) != 0;

    return helper == HELPER_AUTH && !pam ? HELPER_FILE : helper;
}
