"""The command line of seqkit."""
