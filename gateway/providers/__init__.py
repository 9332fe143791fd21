"""How is each upstream spoken to? One file a dialect, on connections of our own."""
