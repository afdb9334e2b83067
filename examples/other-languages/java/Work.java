import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

public class Work {
    public static void main(String[] args) throws Exception {
        try (Lock lock = Lock.acquire("orders", args[0])) {
            System.out.println("has the lock, fence " + lock.fence());
            // The work: it stops when the lock is lost, and hands the fence to whoever stores what it writes.
            try {
                lock.lost().handle((over, error) -> over).get(Long.parseLong(args[1]), TimeUnit.SECONDS);
                System.out.println("lost");
            } catch (TimeoutException over) {
                System.out.println("done");
            }
        }
    }
}
