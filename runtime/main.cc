#include "runtime/app/commands.h"

int main(int argc, char** argv) { return moult::run_command_line(argc, argv); }
