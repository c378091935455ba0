begin;
select plan(15);

insert into hubspot_sync.hubspot_mock_exams (hubspot_id, deleted_at)
values ('E-1', null), ('E-gone', '2030-01-01 09:00+00');
select is((hubspot_sync.lock_exam(' E-1 ')).hubspot_id, 'E-1', 'blanks around do not matter');
create function pg_temp.refused(p_id text, out code text, out message text, out detail text,
                                out hint text) language plpgsql as $$
begin
  perform hubspot_sync.lock_exam(p_id);
exception when others then
  code := sqlstate;
  get stacked diagnostics message = message_text, detail = pg_exception_detail,
                          hint = pg_exception_hint;
end
$$;
select is((pg_temp.refused(t.id)).code, t.code, format('%L is refused with %s', t.id, t.code))
  from (values (null, '22023'), ('', '22023'), ('   ', '22023'), ('E-9', 'MBEXM'),
               ('e-1', 'MBEXM'), ('E-gone', 'MBEXM'), ('%', 'MBEXM'), (''' or true --', 'MBEXM'),
               ('\', 'MBEXM'), ('$$', 'MBEXM'), (E'E-1\n', 'MBEXM')) as t (id, code);
select alike((pg_temp.refused('E-gone')).detail, 'it was deleted at 2030-01-01 %',
             'of a deleted exam it says since when');
select alike((pg_temp.refused('E-9')).hint, '%api.upsert_exam%', 'and how to bring one back');
select cmp_ok(length((pg_temp.refused(repeat('x', 10000000))).message), '<', 1000,
              'ten million characters are not said again to the log');

select * from finish();
rollback;
