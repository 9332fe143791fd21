"""Where is kept what must outlive the gateway, or what replicas share?"""
