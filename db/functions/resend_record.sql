-- Queues all of a record for HubSpot, unless that is queued already: what is gone there is made
-- anew.
create or replace function hubspot_sync.resend_record(p_table text, p_record uuid)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into hubspot_sync.sync_queue (table_name, record, operation)
  select p_table, p_record, 'resend'
   where not exists (select from (select q.operation, q.new_data, q.epoch, q.dead_at
                                    from hubspot_sync.sync_queue q
                                   where q.record = p_record and not q.synced
                                  offset 0) q
                      where q.epoch is null
                        and q.dead_at is null
                        and (q.operation = 'insert'
                             or q.operation = 'resend' and q.new_data is null));
end;
$$;

comment on function hubspot_sync.resend_record(text, uuid) is
  'Adds a row to sync_queue that sends all properties of a record.';
revoke execute on function hubspot_sync.resend_record(text, uuid)
  from public, anon, authenticated;
