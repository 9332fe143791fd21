"""Where the gateway keeps what must outlive it, or what replicas share; what needs Redis is imported where one is configured."""
