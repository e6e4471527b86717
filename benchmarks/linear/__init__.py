"""The linear specialist: alone and taught by an encoder, by shape of calls, with many labels, on long messy mails, in six languages."""
