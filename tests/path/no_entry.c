/* SPDX-License-Identifier: MIT
 *
 * A shared object that is no driver: it has no DriverEntry.
 */
int not_a_driver(void);
int not_a_driver(void)
{
    return 0;
}
