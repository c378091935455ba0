begin;
select plan(9);

select hubspot_sync.claim_identity('S-1', 'Ann@Example.com');
create temp view held as
  select count(*) from pg_locks l where l.locktype = 'advisory' and l.pid = pg_backend_pid();
select results_eq('table held', array[1::bigint], 'a claim is one lock');
select hubspot_sync.claim_identity('S-1', 'ANN@example.COM');
select results_eq('table held', array[1::bigint], 'two spellings of an email are one person');
select hubspot_sync.claim_identity('S-1', 'other@example.com');
select results_eq('table held', array[2::bigint], 'another email is another person');
select hubspot_sync.claim_identity('S-2', 'ann@example.com');
select results_eq('table held', array[3::bigint], 'another student id, too');
select hubspot_sync.claim_identity('s-1', 'ann@example.com');
select results_eq('table held', array[4::bigint], 'student ids differ by case');
select is((select bool_or(l.mode <> 'ExclusiveLock' or not l.granted) from pg_locks l
            where l.locktype = 'advisory' and l.pid = pg_backend_pid()), false,
          'claims exclude each other');
select hubspot_sync.claim_identity(null, null);
select results_eq('table held', array[4::bigint], 'nobody is claimed by nothing');
savepoint undone;
select hubspot_sync.claim_identity('S-3', 'cid@example.com');
rollback to undone;
select results_eq('table held', array[4::bigint], 'a claim ends with what made it');
select hubspot_sync.claim_identity(''' or true --', repeat('x', 1000000));
select results_eq('table held', array[5::bigint], 'whatever is said is one person');

select * from finish();
rollback;
