package hostlink

const childEnv = "HOSTLINK_TEST_CHILD"

func childMain() int { return 0 }
