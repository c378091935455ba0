-- Undoes what 0001 did here: drops what it created, gives back what it moved or renamed.
do $$
declare
  v_step record;
begin
  for v_step in select * from hubspot_sync.adoption where action = 'renamed' loop
    execute format('alter table hubspot_sync.hubspot_bookings rename column %I to %I',
                   split_part(v_step.object, '.', 2), v_step.detail);
  end loop;
  for v_step in select * from hubspot_sync.adoption where action = 'moved' loop
    execute format('alter table hubspot_sync.%I set schema %I', v_step.object, v_step.detail);
  end loop;
  for v_step in select * from hubspot_sync.adoption where action = 'created' loop
    execute format('drop table hubspot_sync.%I', v_step.object);
  end loop;
end
$$;
drop table hubspot_sync.adoption;
alter table hubspot_sync.alembic_version disable row level security;
