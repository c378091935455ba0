-- The level of a transaction is set before its first query: this one keeps the usual level, and
-- isolation_level.sql has another.
begin;
select plan(3);

select lives_ok('select hubspot_sync.require_read_committed()', 'read committed is let through');
set local default_transaction_isolation = 'serializable';
select lives_ok('select hubspot_sync.require_read_committed()',
                'what the next transaction will have does not matter');
select volatility_is('hubspot_sync', 'require_read_committed', array[]::name[], 'stable',
                     'it only looks');

select * from finish();
rollback;
