/*
 * pam_odd: a PAM module that behaves as its first argument says, for the tests.
 * It knows one password, "odd", and whoever gives it is let in.
 *
 *   plain   asks for the password
 *   two     asks for it twice, as a stack of two modules does
 *   once    asks for it, and then for a code that nobody has
 *   talk    shows messages before it asks, one of them with nowhere to answer
 *   print   writes to standard output and standard error
 *   rename  lets the user in as the one that the second argument names
 *   sleep   needs the second argument's seconds to decide
 *   leak    leaves descriptors open, and everything it was given
 *   hold    leaves a process behind that has everything it was given
 *   exit    ends the program, with status 0
 *   crash   ends it by a signal
 *   expire  lets nobody in: the password is right, but has expired
 */

#include <fcntl.h>
#include <security/pam_appl.h>
#include <security/pam_modules.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool answers(const struct pam_conv *c, const char *question,
                    const char *right)
{
    const struct pam_message message = {PAM_PROMPT_ECHO_OFF, question};
    const struct pam_message *messages = &message;
    struct pam_response *response = NULL;

    if (c->conv(1, &messages, &response, c->appdata_ptr) != PAM_SUCCESS ||
        response == NULL || response->resp == NULL)
        return false;
    bool same = strcmp(response->resp, right) == 0;
    free(response->resp);
    free(response);
    return same;
}

static void talk(const struct pam_conv *c)
{
    const struct pam_message message = {PAM_TEXT_INFO, "Good morning."};
    const struct pam_message *messages[] = {&message, &message};
    struct pam_response *response = NULL;

    c->conv(1, messages, NULL, c->appdata_ptr);
    if (c->conv(2, messages, &response, c->appdata_ptr) == PAM_SUCCESS)
        free(response);
}

static void say(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) < 0)
        abort();
}

static void leak(void)
{
    for (int i = 0; i < 20; i++)
        if (open("/etc/passwd", O_RDONLY) < 0 || dup(3) < 0 || dup(4) < 0)
            abort();
}

/* Outlives the module's program until the test ends it. */
static void hold(void)
{
    if (fork() == 0) {
        setsid();
        sleep(60);
        _exit(0);
    }
}

static void be_odd(const char *how, const char *more, pam_handle_t *pam,
                   const struct pam_conv *c)
{
    if (strcmp(how, "talk") == 0)
        talk(c);
    else if (strcmp(how, "print") == 0) {
        say(STDOUT_FILENO, "+OK printed\r\n");
        say(STDERR_FILENO, "-ERR printed\r\n");
    } else if (strcmp(how, "rename") == 0)
        pam_set_item(pam, PAM_USER, more);
    else if (strcmp(how, "sleep") == 0)
        sleep((unsigned)atoi(more));
    else if (strcmp(how, "leak") == 0)
        leak();
    else if (strcmp(how, "hold") == 0)
        hold();
    else if (strcmp(how, "exit") == 0)
        exit(0);
    else if (strcmp(how, "crash") == 0)
        raise(SIGSEGV);
}

int pam_sm_authenticate(pam_handle_t *pam, int flags, int argc,
                        const char **argv)
{
    const char *how = argc > 0 ? argv[0] : "plain";
    const char *more = argc > 1 ? argv[1] : "";
    const void *item = NULL;

    (void)flags;
    if (pam_get_item(pam, PAM_CONV, &item) != PAM_SUCCESS || item == NULL)
        return PAM_SYSTEM_ERR;
    const struct pam_conv *c = item;
    bool right = answers(c, "Password: ", "odd");
    if (strcmp(how, "two") == 0)
        right = answers(c, "Password: ", "odd") && right;
    if (strcmp(how, "once") == 0)
        right = answers(c, "Code: ", "123456") && right;
    be_odd(how, more, pam, c);
    return right ? PAM_SUCCESS : PAM_AUTH_ERR;
}

int pam_sm_acct_mgmt(pam_handle_t *pam, int flags, int argc, const char **argv)
{
    (void)pam;
    (void)flags;
    return argc > 0 && strcmp(argv[0], "expire") == 0 ? PAM_NEW_AUTHTOK_REQD
                                                      : PAM_SUCCESS;
}

int pam_sm_setcred(pam_handle_t *pam, int flags, int argc, const char **argv)
{
    (void)pam;
    (void)flags;
    (void)argc;
    (void)argv;
    return PAM_SUCCESS;
}
