/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* polkit's text agent, which asks for a password on our terminal. */

/* Starts pkttyagent(1) for this process and waits until it is registered. Nothing happens without a terminal, or as root,
 * whom nobody asks, or if it runs already. Without an agent polkit still may ask elsewhere, so that failures are
 * no more than warnings. */
void agent_open(void);

/* Ends the agent. */
void agent_close(void);
