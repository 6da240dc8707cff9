/* messages_undef - drop every macro of messages.def, so that it can be included again. */
#undef SUB
#undef SUB_END
#undef MSG
#undef END
#undef F_STR
#undef F_ENUM
#undef F_DEC
#undef F_TIME
#undef F_INT
#undef F_DBL
#undef F_BOOL
#undef F_BIN
#undef F_LIST
#undef F_SUB
