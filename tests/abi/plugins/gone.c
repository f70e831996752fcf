/* A library that the plugin linked to it will not find at run time. */
void gone(void);
void gone(void) {}
