/* The policy. Runs at the start, and in monitor and front when a proxy has told
 * who its client is; what counts is the monitor's judgement. */

#include "rooms/policy.h"

bool policy_plaintext(const struct policy *policy, const struct peer *peer,
                      bool secured)
{
    if (policy->plaintext != PLAINTEXT_NETWORKS)
        return policy->plaintext == PLAINTEXT_ALWAYS;
    return peer->local || secured || networks_hold(&policy->networks, peer);
}
