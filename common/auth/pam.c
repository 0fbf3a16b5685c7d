/* PAM. Runs in auth, as root, since modules need to read what only root may;
 * the modules are the administrator's, name and password the client's. */

#include "auth/pam.h"
#include "auth/pam_load.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Answers one question; the memory is PAM's to free. */
static char *answer_to(int style, const struct frame_password *password)
{
    switch (style) {
    case PAM_PROMPT_ECHO_OFF:
        return strdup(password->password);
    case PAM_PROMPT_ECHO_ON:
        return strdup(password->user);
    default: /* a message for a human who is not here */
        return NULL;
    }
}

static int converse(int count, const struct pam_message **questions,
                    struct pam_response **answers, void *context)
{
    if (answers == NULL) /* some modules show messages this way */
        return PAM_SUCCESS;
    if (count <= 0 || count > PAM_MAX_NUM_MSG)
        return PAM_CONV_ERR;
    struct pam_response *all = calloc((size_t)count, sizeof *all);
    if (all == NULL)
        return PAM_BUF_ERR;
    for (int i = 0; i < count; i++)
        all[i].resp = answer_to(questions[i]->msg_style, context);
    *answers = all;
    return PAM_SUCCESS;
}

/* The monitor times the refusal; PAM must not add its own delay. */
static void no_delay(int result, unsigned microseconds, void *context)
{
    (void)result;
    (void)microseconds;
    (void)context;
}

/* Modules write it before the address, in words of their own: a name with a
 * space in it could bring an address of its choice into their log lines. */
static bool is_word(const char *user)
{
    for (; *user != '\0'; user++)
        if ((unsigned char)*user <= 0x20 || (unsigned char)*user == 0x7f)
            return false;
    return true;
}

static int set_items(const struct pam_library *lib, pam_handle_t *pam,
                     const struct frame_order *order, const char *user)
{
    void (*delay)(int, unsigned, void *) = no_delay;
    const void *delay_item;
    int result = lib->set_item(pam, PAM_RHOST, order->peer);

    memcpy(&delay_item, &delay, sizeof delay_item);
    if (result == PAM_SUCCESS && is_word(user))
        result = lib->set_item(pam, PAM_RUSER, user);
    if (result == PAM_SUCCESS)
        result = lib->set_item(pam, PAM_TTY, order->service);
    if (result == PAM_SUCCESS)
        result = lib->set_item(pam, PAM_FAIL_DELAY, delay_item);
    return result;
}

static int take_canonical(const struct pam_library *lib, pam_handle_t *pam,
                          char *canonical)
{
    const void *name = NULL;
    int result = lib->get_item(pam, PAM_USER, &name);

    if (result != PAM_SUCCESS || name == NULL || strlen(name) >= TEXT_USER)
        return PAM_SYSTEM_ERR;
    strcpy(canonical, name);
    return PAM_SUCCESS;
}

static enum outcome outcome_of(int result)
{
    switch (result) {
    case PAM_SUCCESS:
        return OUTCOME_ACCEPTED;
    case PAM_OPEN_ERR:
    case PAM_SYMBOL_ERR:
    case PAM_SERVICE_ERR:
    case PAM_SYSTEM_ERR:
    case PAM_BUF_ERR:
    case PAM_ABORT:
    case PAM_AUTHINFO_UNAVAIL:
    case PAM_MODULE_UNKNOWN:
        return OUTCOME_UNAVAILABLE;
    default:
        return OUTCOME_REFUSED;
    }
}

void pam_prepare(void)
{
    struct pam_library lib;

    pam_load(&lib); /* who needs it hears when it fails */
}

enum outcome pam_check(const struct frame_order *order,
                       const struct frame_password *password, char *canonical)
{
    struct pam_conv conversation = {converse, (void *)(uintptr_t)password};
    struct pam_library lib;
    pam_handle_t *pam = NULL;

    if (pam_load(&lib) < 0)
        return OUTCOME_UNAVAILABLE;
    int result = lib.start(order->service, password->user, &conversation, &pam);

    if (result != PAM_SUCCESS)
        return OUTCOME_UNAVAILABLE;
    result = set_items(&lib, pam, order, password->user);
    if (result == PAM_SUCCESS)
        result = lib.authenticate(pam, PAM_SILENT);
    if (result == PAM_SUCCESS)
        result = lib.acct_mgmt(pam, PAM_SILENT);
    if (result == PAM_SUCCESS)
        result = take_canonical(&lib, pam, canonical);
    lib.end(pam, result);
    return outcome_of(result);
}

enum outcome pam_account(const struct frame_order *order, const char *user)
{
    static const struct frame_password nothing;
    struct pam_conv conversation = {converse, (void *)(uintptr_t)&nothing};
    struct pam_library lib;
    pam_handle_t *pam = NULL;

    if (pam_load(&lib) < 0)
        return OUTCOME_UNAVAILABLE;
    int result = lib.start(order->service, user, &conversation, &pam);

    if (result != PAM_SUCCESS)
        return OUTCOME_UNAVAILABLE;
    result = set_items(&lib, pam, order, user);
    if (result == PAM_SUCCESS)
        result = lib.acct_mgmt(pam, PAM_SILENT);
    lib.end(pam, result);
    return outcome_of(result);
}
